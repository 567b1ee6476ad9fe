// Widgets of notebooks, as anywidget has them. What the wallet answers travels as a message and is in no saved state.

import { Part } from "./host.js";

export default {
  render({ model, el }) {
    const part = Part.at(el, (said) => model.send(said));
    const show = () => part.update(model.get("told"));
    model.on("change:told", show);
    show();
    // A kernel at work hears what comes once it has a subshell for widgets, which begins with the first of them.
    const here = [0, 500, 2_000, 5_000, 10_000].map((late) => setTimeout(() => model.send({ kind: "here" }), late));
    return () => {
      here.forEach(clearTimeout);
      model.off("change:told", show);
    };
  },
};
