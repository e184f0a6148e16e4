//! What a person does with a link that is there: changes it, and copies it.

use super::{ENTER, Stage, TAB};

/// Held down until the text ends.
const CONTROL: &str = "\u{e009}";

#[test]
fn a_person_changes_a_link_without_scripts_and_it_leads_there() {
    let Some(stage) = Stage::set("browser-change") else { return };
    let browser = stage.browser("changer", false);
    stage.make(&browser, "moved", "Where it was");
    stage.follow(&browser, "moved");
    browser.go(&stage.at("/links/moved?domain="));
    browser.find("a[href*='/edit']").click();
    assert_eq!(browser.find("#title").attribute("value").as_deref(), Some("Where it was"));
    browser.find("#url").replace_by(&format!("http://{}/elsewhere", stage.target));
    browser.find("#title").replace_by("");
    browser.find("#tags").type_in("one, two");
    browser.find("main form button").click();
    let notice = browser.find("[role=status].notice");
    assert_eq!(notice.text(), "The link is changed, and the change is kept.");
    assert!(browser.find("h1").text().ends_with("/moved"), "its title is gone");
    assert_eq!(browser.all(".tags li").len(), 2);
    browser.go(&stage.at("/moved"));
    assert_eq!(browser.url(), format!("http://{}/elsewhere", stage.target));
    assert_eq!(browser.find("h1").text(), "You have arrived");
}

#[test]
fn what_is_wrong_with_a_change_is_said_beside_its_field() {
    let Some(stage) = Stage::set("browser-wrong") else { return };
    let browser = stage.browser("mistaken", true);
    stage.make(&browser, "kept", "As it was");
    browser.go(&stage.at("/links/kept/edit?domain="));
    // With the keyboard alone, from the address on.
    browser.find("#url").replace_by("javascript:alert(1)");
    browser.press(&format!("{TAB}As it shall be{ENTER}"));
    let alert = browser.find("[role=alert]").text();
    assert_eq!(alert, "Nothing was changed. Please look at Long address.");
    let field = browser.find("#url:focus");
    assert_eq!(field.attribute("aria-invalid").as_deref(), Some("true"));
    let said = format!("#{}", field.attribute("aria-describedby").unwrap());
    assert!(browser.find(&said).text().contains("http:// or https://"));
    assert_eq!(field.attribute("value").as_deref(), Some("javascript:alert(1)"));
    let title = browser.find("#title").attribute("value");
    assert_eq!(title.as_deref(), Some("As it shall be"), "nothing of it has to be typed again");
    browser.go(&stage.at("/links/kept?domain="));
    assert_eq!(browser.find("h1").text(), "As it was");
}

#[test]
fn a_link_is_copied_and_can_be_pasted() {
    let Some(stage) = Stage::set("browser-copy") else { return };
    let browser = stage.browser("copier", true);
    stage.make(&browser, "copied", "To pass on");
    let button = browser.find("button[data-copy]");
    assert!(button.is_shown(), "with scripts a link can be copied");
    button.click();
    let said = browser.wait_for(
        "const done = arguments[arguments.length - 1];
         const live = document.getElementById('live');
         const look = () => live.textContent && (done(live.textContent), true);
         if (!look()) new MutationObserver((_, watch) => look() && watch.disconnect())
             .observe(live, { childList: true, subtree: true, characterData: true });",
    );
    let short_url = stage.at("/copied");
    assert_eq!(said, format!("Copied {short_url}"));
    assert_eq!(button.text(), "Copied");
    browser.go(&stage.at("/links"));
    browser.find("#search").type_in(&format!("{CONTROL}v"));
    assert_eq!(browser.run("return document.getElementById('search').value"), short_url);
}
