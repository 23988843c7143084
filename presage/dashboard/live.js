"use strict";
const content = document.getElementById("content");
const gone = document.getElementById("gone");
let before = "";
async function refresh() {
  try {
    const answer = await fetch("/content", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (text !== before) {
      const scrolled = [...document.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
      content.innerHTML = before = text;
      document.querySelectorAll(".scroll").forEach((one, at) => { one.scrollLeft = scrolled[at] || 0; });
    }
    gone.hidden = true;
  } catch {
    gone.hidden = false;
  }
  setTimeout(refresh, document.hidden ? 10000 : 2000);
}
refresh();
