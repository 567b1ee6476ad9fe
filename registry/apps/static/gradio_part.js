// Each part of a Gradio app; the script comes with the part by which visitors sign in.

const begin = () => {
  const part = globalThis[Symbol.for("asset-registry.visit")].at(element, (said) => trigger("heard", said));
  let known = "";
  const show = () => {
    part.update(props.value);
    const { account, turn } = props.value;
    if (known !== (known = `${account} ${turn}`) && turn !== undefined) trigger("select"); // not at each note on the way
  };
  watch("value", show);
  part.update(props.value);
};
if (globalThis[Symbol.for("asset-registry.visit")]) begin();
else addEventListener("asset-registry", begin, { once: true });
