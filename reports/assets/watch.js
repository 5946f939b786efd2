"use strict";
// While the training goes on the page reads itself again, unless its reader says no or has unfolded something.
// What was chosen stays chosen.
const EVERY = 30000;
const inputs = [...document.querySelectorAll(".choices input")], again = document.querySelector("#again");

function kept(name, value) { // what the session keeps; nothing where it may not
  try {
    if (value !== undefined) sessionStorage.setItem(name, value);
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

for (const input of inputs) {
  const known = kept(input.id);
  if (known !== null) input.checked = known === "true";
  input.addEventListener("change", () => inputs.forEach((each) => kept(each.id, each.checked)));
}
if (again) setInterval(() => {
  if (again.checked && !document.querySelector("details[open]")) location.reload();
}, EVERY);
