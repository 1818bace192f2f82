// The picture that is seen, as a file of its own.

import { data } from "./data.js";
import { $ } from "./dom.js";
import { seen } from "./view.js";

/** What a picture needs of its style sheet where that is not. */
const KEPT = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "opacity", "font-size", "font-weight", "text-anchor", "visibility"];

/** A colour as all programs read it: mixtures of colours are made into three numbers. */
const colours = new Map();
function asNumbers(value) {
  if (!/^(color|oklab|oklch|lab|lch)\(/.test(value)) return value;
  if (!colours.has(value)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const brush = canvas.getContext("2d");
    brush.fillStyle = value;
    brush.fillRect(0, 0, 1, 1);
    colours.set(value, `#${Array.from(brush.getImageData(0, 0, 1, 1).data.slice(0, 3), (x) => x.toString(16).padStart(2, "0")).join("")}`);
  }
  return colours.get(value);
}

function file() {
  const { picture, width, height } = seen();
  const copy = picture.cloneNode(true);
  const [from, to] = [picture, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((e, k) => {
    const style = getComputedStyle(e);
    to[k].removeAttribute("class");
    to[k].removeAttribute("style");
    for (const name of KEPT) if (style.getPropertyValue(name)) to[k].setAttribute(name, asNumbers(style.getPropertyValue(name)));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("font-family", getComputedStyle(document.body).fontFamily);
  copy.querySelectorAll("foreignObject").forEach((e) => e.remove());
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of [["width", width], ["height", height], ["fill", asNumbers(getComputedStyle(document.body).backgroundColor)]]) ground.setAttribute(name, value);
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}

function offer(address, ending) {
  const link = document.createElement("a");
  link.href = address;
  link.download = `${data.title.replace(/[^\p{L}\p{N}]+/gu, "-")}.${ending}`;
  link.click();
}

const address = (svg) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;

export function startSaving() {
  $("save-svg").addEventListener("click", () => offer(address(file()), "svg"));
  $("save-png").addEventListener("click", () => {
    const { width, height } = seen();
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [2 * width, 2 * height];
      canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
      offer(canvas.toDataURL("image/png"), "png");
    };
    image.src = address(file());
  });
}
