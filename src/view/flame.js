"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("flame");
  const context = canvas.getContext("2d");
  const tip = document.getElementById("tip");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const path = document.getElementById("path");
  const row = 18;
  const nodes = data.nodes.map(([depth, entry, total, self, inlined]) =>
    ({ depth, entry, total, self, inlined, x: 0, parent: null }));
  const root = nodes[0];
  let zoomed = root;
  let selected = root;
  let boxes = [];
  let matches = new Set();

  /* Siblings follow one another from where their parent begins. */
  const open = [];
  for (const node of nodes) {
    open.length = node.depth;
    node.parent = node.depth > 0 ? open[node.depth - 1] : null;
    node.next = node.x = node.parent ? node.parent.next : 0;
    if (node.parent) {
      node.parent.next += Math.abs(node.total);
    }
    open[node.depth] = node;
  }

  const label = (node) => node === root ? "all" : data.labels[node.entry];
  const scales = {
    bytes: [[1, "B"], [1024, "KiB"], [1048576, "MiB"], [1073741824, "GiB"], [1099511627776, "TiB"]],
    nanoseconds: [[1, "ns"], [1e3, "\u00b5s"], [1e6, "ms"], [1e9, "s"]],
    count: [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"]],
  };
  const shown = (value) => {
    const scaled = value * data.factor;
    const steps = scales[data.kind];
    let step = steps[0];
    for (const each of steps) {
      step = Math.abs(scaled) >= each[0] ? each : step;
    }
    const number = scaled / step[0];
    const places = Number.isInteger(number) || Math.abs(number) >= 100 ? 0
      : Math.abs(number) >= 10 ? 1 : 2;
    return number.toFixed(places) + (step[1] ? " " + step[1] : "");
  };
  const share = (value, whole) => whole ? (100 * value / whole).toFixed(1) + "%" : "-";
  const within = (node, ancestor) => {
    while (node && node.depth > ancestor.depth) {
      node = node.parent;
    }
    return node === ancestor;
  };

  const draw = () => {
    const width = canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    const deepest = nodes.reduce((most, node) => Math.max(most, node.depth), 0);
    canvas.style.height = (deepest + 1) * row + "px";
    canvas.width = width * ratio;
    canvas.height = (deepest + 1) * row * ratio;
    context.scale(ratio, ratio);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    const whole = Math.abs(zoomed.total) || 1;
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    boxes = [];
    for (const node of nodes) {
      const above = within(zoomed, node);
      if (!above && !within(node, zoomed)) {
        continue;
      }
      const x = above ? 0 : (node.x - zoomed.x) / whole * width;
      const span = above ? width : Math.abs(node.total) / whole * width;
      if (span < 0.5) {
        continue;
      }
      box(node, x, span, above && node !== zoomed, dark);
    }
  };

  const box = (node, x, span, faded, dark) => {
    const y = node.depth * row;
    boxes.push({ node, x, y, span });
    const dimmed = faded || (matches.size > 0 && !matches.has(node));
    context.globalAlpha = dimmed ? 0.45 : 1;
    context.fillStyle = node === root ? "#b5bcc4" : data.colours[data.hues[node.entry]];
    context.fillRect(x, y, Math.max(span - 0.6, 0.4), row - 1);
    context.globalAlpha = 1;
    if (matches.has(node)) {
      context.fillStyle = dark ? "#ffffff" : "#000000";
      context.fillRect(x, y + row - 4, Math.max(span - 0.6, 0.4), 3);
    }
    if (node === selected) {
      context.strokeStyle = dark ? "#ffffff" : "#000000";
      context.lineWidth = 1.5;
      context.strokeRect(x + 1, y + 1, Math.max(span - 2.6, 0.4), row - 3);
    }
    if (span > 24) {
      context.fillStyle = dark && dimmed ? "#ffffff" : "#14181c";
      context.fillText(fitted(label(node), span - 8), x + 4, y + row / 2);
    }
  };

  /* As much of a text as fits, whole characters and an ellipsis; nothing where none does. */
  const fitted = (text, room) => {
    if (context.measureText(text).width <= room) {
      return text;
    }
    const characters = Array.from(text);
    let low = 0;
    let high = characters.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const fits = context.measureText(characters.slice(0, middle).join("") + "\u2026").width <= room;
      low = fits ? middle : low;
      high = fits ? high : middle - 1;
    }
    return low > 0 ? characters.slice(0, low).join("") + "\u2026" : "";
  };

  const describe = (node) => {
    const place = node === root ? "" : data.places[node.entry];
    const lines = [label(node) + (node.inlined ? " (inline)" : ""), place,
      "total " + shown(node.total) + ", " + share(node.total, root.total) + " of all" +
        (node.parent ? ", " + share(node.total, node.parent.total) + " of its caller" : ""),
      "self " + shown(node.self)];
    return lines.filter(Boolean).join("\n");
  };

  const zoom = (node) => {
    zoomed = node;
    path.replaceChildren();
    for (let each = node; each; each = each.parent) {
      const button = document.createElement("button");
      button.textContent = label(each);
      button.addEventListener("click", () => { selected = each; zoom(each); });
      path.prepend(button, each === node ? "" : " \u203a ");
    }
    draw();
  };

  const look = () => {
    const text = search.value;
    matches = new Set();
    let sum = 0;
    let pattern = null;
    try {
      pattern = text ? new RegExp(text, "i") : null;
    } catch {
      found.textContent = "no regular expression";
    }
    if (pattern) {
      const hits = data.labels.map((each) => pattern.test(each));
      let outer = null;
      for (const node of nodes) {
        if (node !== root && hits[node.entry]) {
          matches.add(node);
          if (!outer || !within(node, outer)) {
            outer = node;
            sum += node.total;
          }
        }
      }
      found.textContent = shown(sum) + ", " + share(sum, root.total) + " of all";
    } else if (!text) {
      found.textContent = "";
    }
    draw();
  };

  const at = (event) => {
    const area = canvas.getBoundingClientRect();
    const x = event.clientX - area.left;
    const y = event.clientY - area.top;
    return boxes.findLast((each) => x >= each.x && x < each.x + each.span &&
      y >= each.y && y < each.y + row);
  };

  const tell = (node) => { document.getElementById("told").textContent = describe(node); };

  canvas.addEventListener("mousemove", (event) => {
    const hit = at(event);
    tip.style.display = hit ? "block" : "none";
    if (hit) {
      tip.textContent = describe(hit.node);
      const area = tip.getBoundingClientRect();
      tip.style.left = Math.max(0, Math.min(event.clientX + 12, innerWidth - area.width - 8)) + "px";
      tip.style.top = Math.max(0, Math.min(event.clientY + 12, innerHeight - area.height - 8)) + "px";
    }
  });
  canvas.addEventListener("mouseleave", () => { tip.style.display = "none"; });
  canvas.addEventListener("click", (event) => {
    const hit = at(event);
    if (hit) {
      selected = hit.node;
      tell(selected);
      zoom(hit.node);
    }
  });
  canvas.addEventListener("keydown", (event) => {
    const place = nodes.indexOf(selected);
    const siblings = nodes.filter((each) => each.parent === selected.parent);
    const order = siblings.indexOf(selected);
    const moves = {
      ArrowUp: () => selected.parent,
      ArrowDown: () => nodes[place + 1]?.parent === selected ? nodes[place + 1] : null,
      ArrowRight: () => siblings[order + 1],
      ArrowLeft: () => siblings[order - 1],
    };
    if (moves[event.key]) {
      event.preventDefault();
      selected = moves[event.key]() || selected;
      tell(selected);
      draw();
    } else if (event.key === "Enter") {
      zoom(selected);
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape") {
      search.value = "";
      selected = root;
      look();
      zoom(root);
    }
  });
  search.addEventListener("input", look);
  document.getElementById("reset").addEventListener("click", () => { selected = root; zoom(root); });
  addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  zoom(root);
})();
