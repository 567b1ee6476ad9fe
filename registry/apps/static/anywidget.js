// Widgets of notebooks, as anywidget has them. What the wallet answers travels as a message and is in no saved state.

import { Part } from "./host.js";

export default {
  render({ model, el }) {
    // What a kernel is told before it has a subshell for widgets, which begins with the first of them, waits for the end
    // of the cell that it runs: so what is to be told is held until the kernel answers, or never had such a subshell.
    const held = [];
    let heard = false;
    const part = Part.at(el, (said) => (heard ? model.send(said) : held.push(said)));
    const show = () => part.update(model.get("told"));
    const tell = () => {
      heard = true;
      held.splice(0).forEach((said) => model.send(said));
    };
    const answered = ({ kind }) => kind === "here" && tell();
    model.on("msg:custom", answered);
    model.on("change:told", show);
    show();
    const here = [0, 200, 500, 1_000, 2_000, 5_000, 10_000].map((late) => setTimeout(() => heard || model.send({ kind: "here" }), late));
    here.push(setTimeout(tell, 12_000));
    return () => {
      here.forEach(clearTimeout);
      model.off("change:told", show);
      model.off("msg:custom", answered);
    };
  },
};
