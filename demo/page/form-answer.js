/** Shows the answer to a form beneath it; `kind` is good or bad. */
export function say(element, text, kind = "good") {
  element.dataset.kind = kind;
  element.textContent = text;
}
