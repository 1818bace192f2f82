// Reads a flowchart from standard input with Mermaid's own parser and writes what it understood as JSON.
// Ends with 3 if the npm package `mermaid` is not to be found from the working directory or by NODE_PATH.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.cwd() + '/');
let mermaid;
try {
  const at = require.resolve('mermaid');
  const beside = createRequire(at);
  // The parser cleans labels with DOMPurify, which is nothing without a browser. Labels are to be seen as they come.
  const purify = await import(pathToFileURL(beside.resolve('dompurify').replace(/purify\.cjs\.js$/, 'purify.es.mjs')));
  Object.assign(purify.default, { addHook() {}, sanitize: (text) => text });
  mermaid = (await import(pathToFileURL(at))).default;
} catch (error) {
  console.error(`${error}`);
  process.exit(3);
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
// Whoever draws decides how large a text may be.
mermaid.initialize({ maxEdges: 1e6, maxTextSize: 1e8 });
await mermaid.parse(text);
// The parser takes a text without its head, and hands entities on to whoever draws.
const { db } = await mermaid.mermaidAPI.getDiagramFromText(text.replace(/^---\n[^]*?\n---\n/, ''));
const decoded = (text) => text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(code));
console.log(JSON.stringify({
  nodes: [...db.getVertices().values()].map(({ id, text }) => ({ id, text: decoded(text) })),
  edges: db.getEdges().map(({ start, end }) => ({ start, end })),
  groups: db.getSubGraphs().map(({ id, title, nodes }) => ({ id, title: decoded(title), nodes })),
}));
