// Gradio's HTML component: the body of a function that is called once, when the component is there.

import { Part } from "./host.js";

const HOME = Symbol.for("asset-registry.visit");

// Python knows a visit by two names: Gradio's of the session, which stands in addresses and so in logs, and this one.
if (!document.cookie.includes("asset_registry_visit=")) {
  const name = [...crypto.getRandomValues(new Uint8Array(32))].map((one) => one.toString(16).padStart(2, "0")).join("");
  document.cookie = `asset_registry_visit=${name}; path=/; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}`;
}
globalThis[HOME] = Part;
dispatchEvent(new Event("asset-registry"));
