// Each part of a Gradio app; the script comes with the part by which visitors sign in.

const begin = () => {
  const part = globalThis[Symbol.for("asset-registry.visit")].at(element, (said) => trigger("heard", said));
  const whose = ({ account, turn }) => `${account} ${turn}`;
  let known = whose(props.value);
  const show = () => {
    part.update(props.value);
    // Not at each note on the way: what is laid out anew takes an open dialog with it.
    if (known !== (known = whose(props.value)) && props.value.turn !== undefined) trigger("select");
  };
  watch("value", show);
  part.update(props.value);
};
if (globalThis[Symbol.for("asset-registry.visit")]) begin();
else addEventListener("asset-registry", begin, { once: true });
