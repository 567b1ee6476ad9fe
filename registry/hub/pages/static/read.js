// The page that reads a file from the gateway that its reader named: the document is hashed, then every block on the
// way from the content to the file, then each block of it.

import { BadContent, Reader, cidFrom, documentOf, fetched, textOf } from "./unixfs.js";
import { Viewer } from "./shown.js";

const page = document.querySelector("[data-read]");
const { gateway, document: described, content, path, cid, size } = page.dataset;
const viewer = new Viewer(page, (error) => `${gateway} cannot be read from this page (${error.message}). Does it allow pages of others?`);

const reader = new Reader(async (name) => {
  viewer.goesOn();
  return fetched(`${gateway}/ipfs/${name}?format=raw`, `Block ${name}`);
});

/** The file as the document says it. */
async function leads() {
  const told = JSON.parse(await documentOf(described)).content;
  const root = cidFrom(told.cid);
  const listed = told.files?.find((one) => one.path === path);
  if (told.cid !== content || !listed || listed.cid !== cid) throw new BadContent("The page names other content than the document.");
  const alone = told.files.length === 1 && told.cid === listed.cid;
  const found = alone ? root : await reader.resolve(root, path);
  if (textOf(found) !== listed.cid) throw new BadContent("The document names another file than its content has there.");
  return found;
}

const file = { path, size: Number(size), async *bytes(start, end) { yield* reader.bytes(await leads(), start, end); } };
const proof = ["Every block is what its name says", `Document ${described}`];

viewer.at("show").addEventListener("click", () => viewer.carriedOut(() => viewer.show(file, proof)));
viewer.at("save").addEventListener("click", () => viewer.carriedOut(() => viewer.save(file, proof)));
page.hidden = false;
