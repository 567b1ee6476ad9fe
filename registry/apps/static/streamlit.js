// Streamlit's components, version 2: called with the data of each run.

import { Part } from "./host.js";

export default ({ data, parentElement, setTriggerValue }) => {
  Part.at(parentElement, (said) => setTriggerValue("heard", said)).update(data);
};
