// What the page does more where there is JavaScript: copy a link, and keep counts fresh. Everything
// else works without it.
"use strict";

const REFRESH_MS = 3000;

function say(words) {
    const live = document.getElementById("live");
    if (live) live.textContent = words;
}

for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(button.dataset.copy);
            say("Copied " + button.dataset.copy);
            button.textContent = "Copied";
        } catch {
            say("The browser did not let the page copy it");
        }
    });
}

// The server draws the charts; here they are only put in the place of older ones.
async function refresh() {
    const before = document.getElementById("stats");
    if (!before || document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const after = fresh.getElementById("stats");
    if (!after || after.dataset.version === before.dataset.version) return;
    const open = [...before.querySelectorAll("details[open]")].map((details) => details.id);
    for (const id of open) {
        const details = after.querySelector("#" + CSS.escape(id));
        if (details) details.open = true;
    }
    const within = before.contains(document.activeElement) ? document.activeElement.id : "";
    before.replaceWith(after);
    if (within) document.getElementById(within)?.focus();
    say(after.dataset.says);
}

if (document.getElementById("stats")) {
    setInterval(() => refresh().catch(() => {}), REFRESH_MS);
}
