// Computes ops with the table of the page, and says where it differs from what it was told.

import { readFileSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// The page's modules end in .js; Node takes a file for a module by its end.
const source = readFileSync(new URL("../../autograd/view/src/draw/html/ops.js", import.meta.url), "utf8");
const file = join(mkdtempSync(join(tmpdir(), "page-ops-")), "ops.mjs");
writeFileSync(file, source);
const { operation } = await import(pathToFileURL(file));

const near = (a, b) => a === b || Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b)) || (Number.isNaN(a) && Number.isNaN(b));
const cases = JSON.parse(readFileSync(0, "utf8"));
const wrong = [];
for (const { op, attributes, from, shape, xs, dxs, y, dy } of cases) {
  const found = operation(op, attributes, from, shape);
  if (!found) {
    wrong.push({ op, what: "not known" });
    continue;
  }
  const [values, tangents] = [xs, dxs].map((all) => all.map((x) => Float64Array.from(x)));
  const [result, slope] = [new Float64Array(y.length).fill(7), new Float64Array(y.length).fill(7)];
  found.run(values, result);
  found.tangent(values, tangents, result, slope);
  if (!y.every((v, i) => near(v, result[i]))) wrong.push({ op, attributes, from, what: "value", y, result: [...result] });
  if (!dy.every((v, i) => near(v, slope[i]))) wrong.push({ op, attributes, from, what: "tangent", dy, slope: [...slope] });
}
console.log(JSON.stringify({ compared: cases.length, wrong: wrong.slice(0, 5) }));
