//! A browser of a test's own, driven as the W3C's WebDriver says: JSON over HTTP.

#![expect(
    clippy::disallowed_methods,
    reason = "a browser that says nothing must not hang the test"
)]
#![expect(clippy::disallowed_types, reason = "the test is the client")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

/// Under this name WebDriver passes references to elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What drives browsers. It is killed when the test is over, and its browsers are gone before that.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    address: SocketAddr,
}

/// A browser with a profile of its own.
#[derive(Debug)]
pub(crate) struct Browser<'a> {
    driver: &'a Driver,
    session: String,
}

/// Something on a page.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    browser: &'a Browser<'a>,
    id: String,
}

impl Driver {
    /// Starts this program on a port that it chooses.
    pub(crate) fn start(program: &str) -> Driver {
        // It takes a port of IPv4 and then the same of IPv6, and gives up where somebody has that one.
        (0..10).find_map(|_| Driver::try_start(program)).expect("a driver at some port")
    }

    fn try_start(program: &str) -> Option<Driver> {
        let mut command = Command::new(program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, port) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let port =
                    line.split_once("successfully on port ").map(|(_, rest)| rest.to_owned());
                let _ = port.map(|port| sender.send(port));
            }
        });
        let port = port.recv_timeout(Duration::from_secs(60));
        let mut driver = Driver { child, address: ([127, 0, 0, 1], 0).into() };
        driver.address.set_port(port.ok()?.trim_end_matches('.').parse().unwrap());
        Some(driver)
    }

    /// Opens a browser that keeps what it knows in this folder.
    pub(crate) fn browser(&self, folder: &str, with_scripts: bool) -> Browser<'_> {
        let folder = format!("--user-data-dir={folder}");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1000",
            // A headless one says that it is, and programs are counted apart from people.
            "--user-agent=Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0 Safari/537.36",
            &folder,
        ];
        let scripts = if with_scripts { 1 } else { 2 };
        let chrome = json!({
            "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": scripts },
        });
        // An element that is looked for is waited for: a form that was sent leads to another page.
        let patience = json!({ "implicit": 30_000, "script": 120_000 });
        let wanted =
            json!({ "browserName": "chrome", "goog:chromeOptions": chrome, "timeouts": patience });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let made = self.ask("POST", "/session", &wanted);
        let session = made["sessionId"].as_str().expect("a session has a name").to_owned();
        let browser = Browser { driver: self, session };
        // Without a screen no window is in front of the others; a page in one is to believe it is.
        browser.emulate("setFocusEmulationEnabled", json!({ "enabled": true }));
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let value = exchange(self.address, &format!("{method} {path}"), &body).unwrap();
        assert!(value["value"]["error"].is_null(), "{method} {path} {body}: {value:#}");
        value["value"].clone()
    }
}

/// It closes what browsers a failed test left open, and ends.
impl Drop for Driver {
    fn drop(&mut self) {
        let _ = exchange(self.address, "GET /shutdown", "");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser<'_> {
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.driver.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    pub(crate) fn url(&self) -> String {
        self.text_of("/url")
    }

    pub(crate) fn title(&self) -> String {
        self.text_of("/title")
    }

    pub(crate) fn all(&self, css: &str) -> Vec<Element<'_>> {
        let found =
            self.ask("POST", "/elements", &json!({ "using": "css selector", "value": css }));
        let ids = found.as_array().unwrap().iter();
        ids.map(|id| Element { browser: self, id: id[ELEMENT].as_str().unwrap().to_owned() })
            .collect()
    }

    #[track_caller]
    pub(crate) fn find(&self, css: &str) -> Element<'_> {
        self.all(css).into_iter().next().unwrap_or_else(|| {
            panic!("there is no {css} on {}:\n{}", self.url(), self.text_of("/source"))
        })
    }

    /// How many there are at the moment.
    pub(crate) fn count(&self, css: &str) -> u64 {
        let css = Value::from(css);
        let count = self.run(&format!("return document.querySelectorAll({css}).length"));
        count.as_u64().unwrap()
    }

    /// The one that has the focus.
    pub(crate) fn active(&self) -> Element<'_> {
        let found = self.ask("GET", "/element/active", &Value::Null);
        Element { browser: self, id: found[ELEMENT].as_str().unwrap().to_owned() }
    }

    /// Presses keys, one after the other, for whatever has the focus.
    pub(crate) fn press(&self, keys: &str) {
        let each = keys.chars().flat_map(|key| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions: Vec<Value> = each.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.ask("POST", "/actions", &json!({ "actions": [keyboard] }));
    }

    /// Runs a script in the page, and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script in the page that calls its last argument when it is done.
    pub(crate) fn wait_for(&self, script: &str) -> Value {
        self.ask("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Has the page believe that its user prefers `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.emulate("setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Has the page believe that its window is so wide and so high.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.emulate("setDeviceMetricsOverride", screen);
    }

    fn emulate(&self, what: &str, params: Value) {
        let command = json!({ "cmd": format!("Emulation.{what}"), "params": params });
        self.ask("POST", "/goog/cdp/execute", &command);
    }

    /// What the browser complained about on the page.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let lines = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    fn text_of(&self, path: &str) -> String {
        self.ask("GET", path, &Value::Null).as_str().unwrap().to_owned()
    }
}

/// The browser closes.
impl Drop for Browser<'_> {
    fn drop(&mut self) {
        let _ = exchange(self.driver.address, &format!("DELETE /session/{}", self.session), "");
    }
}

impl Element<'_> {
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.browser.ask(method, &format!("/element/{}{path}", self.id), body)
    }

    pub(crate) fn click(&self) {
        self.ask("POST", "/click", &json!({}));
    }

    pub(crate) fn type_in(&self, text: &str) {
        self.ask("POST", "/value", &json!({ "text": text }));
    }

    /// Puts this in the place of what is in the field.
    pub(crate) fn replace_by(&self, text: &str) {
        self.ask("POST", "/clear", &json!({}));
        self.type_in(text);
    }

    /// What a person sees of it.
    pub(crate) fn text(&self) -> String {
        self.ask("GET", "/text", &Value::Null).as_str().unwrap().to_owned()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let value = self.ask("GET", &format!("/attribute/{name}"), &Value::Null);
        value.as_str().map(str::to_owned)
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.ask("GET", "/displayed", &Value::Null).as_bool().unwrap()
    }

    /// What a screen reader calls it.
    pub(crate) fn label(&self) -> String {
        self.ask("GET", "/computedlabel", &Value::Null).as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads as much as the answer says it has: its end is not the end of the
/// connection, of which the browser may have been given a copy.
fn exchange(address: SocketAddr, request: &str, body: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let length = body.len();
    let kind = "Content-Type: application/json\r\nConnection: close";
    let head =
        format!("{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{kind}");
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
    let mut answer = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while answer.read_line(&mut line)? > 2 {
        let field = line.to_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
