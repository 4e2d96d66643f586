"use strict";

const form = document.getElementById("ask");
const text = document.getElementById("text");
const conversation = document.getElementById("conversation");
const exchanges = document.getElementById("exchanges");
const examples = document.getElementById("examples");
const failure = document.getElementById("failure");

document.addEventListener("click", (event) => {
  if (event.target.matches("button.example")) {
    text.value = event.target.textContent.trim();
    form.requestSubmit();
  }
});

document.getElementById("restart").addEventListener("click", () => {
  exchanges.replaceChildren();
  conversation.value = "";
  examples.hidden = false;
  failure.hidden = true;
  text.value = "";
  text.focus();
});

form.addEventListener("htmx:afterRequest", (event) => {
  failure.hidden = event.detail.successful;
  if (!event.detail.successful) return;
  const last = exchanges.lastElementChild;
  conversation.value = last.dataset.conversation;
  examples.hidden = true;
  text.value = "";
  text.focus();
  last.scrollIntoView({ block: "end" });
});
