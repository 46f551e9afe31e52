// The style guide only: shows one theme whatever the system asks for, by the rules for dark screens.
"use strict";

const dark = [...document.styleSheets].flatMap(({ cssRules }) =>
  [...cssRules].filter(({ conditionText }) => conditionText === "(prefers-color-scheme: dark)"));
const asked = { system: "(prefers-color-scheme: dark)", light: "not all", dark: "all" };

for (const choice of document.querySelectorAll("[name=theme]")) {
  choice.addEventListener("change", () => {
    dark.forEach(({ media }) => {
      media.mediaText = asked[choice.value];
    });
    const scheme = choice.value === "system" ? "" : choice.value;
    document.documentElement.style.colorScheme = scheme;
  });
}
document.getElementById("themes").hidden = false;
