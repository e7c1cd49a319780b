// What a live change must not take back: parts that the reader has unfolded, passwords that are being shown, rows that are
// filtered out. Registered as htmx extension «orbitr».

const KEPT = [
  ["DETAILS", "open"],
  ["INPUT", "type"],
  ["TR", "hidden"],
];

htmx.registerExtension("orbitr", {
  htmx_before_morph_attr: (element, { attrName }) =>
    !KEPT.some(([tag, name]) => element.tagName === tag && attrName === name),
});
