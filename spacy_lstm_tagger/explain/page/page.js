"use strict";

(() => {
  const root = document.documentElement;
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const [nMembers, depth, nDirections, nGates, nWords, nUnits] = numbers.shape;
  const gates = new Float32Array(Uint8Array.from(atob(numbers.gates), (c) => c.charCodeAt(0)).buffer);
  const picked = { word: numbers.picked.word, member: 0, layer: numbers.picked.layer, direction: 0, unit: numbers.picked.unit, head: 0, units: 0 };
  const limits = { word: nWords, member: nMembers, layer: depth, direction: nDirections, unit: nUnits, head: Object.keys(numbers.labels).length, units: 2 };

  // The six quantities of the picked unit, a value for each word, worked from the gates as the network does.
  function work() {
    const gate = (which, word) =>
      gates[((((picked.member * depth + picked.layer) * nDirections + picked.direction) * nGates + which) * nWords + word) * nUnits + picked.unit];
    const steps = Array.from({ length: nWords }, (_, word) => word);
    if (picked.direction === 1) steps.reverse();
    const states = [];
    let last = null;
    for (const word of steps) {
      const continues = last !== null && numbers.sentence[last] === numbers.sentence[word];
      const before = continues ? states[last].cell : 0;
      const [forget, input, candidate, output] = [0, 1, 2, 3].map((which) => gate(which, word));
      const kept = forget * before, written = input * candidate, cell = kept + written;
      const previous = continues ? last : null;
      states[word] = { forget, input, candidate, output, before, kept, written, cell, tanh: Math.tanh(cell), hidden: output * Math.tanh(cell), previous };
      last = word;
    }
    return states;
  }

  const format = (value, digits) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

  function show(name, text) {
    for (const place of document.querySelectorAll(`[data-show="${name}"]`)) place.textContent = text;
  }

  function showWork() {
    const states = work(), state = states[picked.word];
    const short = { f: "forget", i: "input", g: "candidate", o: "output", c: "cell", h: "hidden" };
    for (const [symbol, name] of Object.entries(short)) show(symbol, format(state[name], 4));
    for (const name of ["before", "kept", "written", "tanh"]) show(name, format(state[name], 4));
    const previous = state.previous === null ? "none before: 0" : `after “${numbers.words[state.previous]}”`;
    show("previous", previous);
    const arrow = picked.direction ? "←" : "→";
    const network = nMembers > 1 ? `network ${picked.member + 1}, ` : "";
    show("where", `unit ${picked.unit} at “${numbers.words[picked.word]}”, ${network}layer ${picked.layer + 1} ${arrow}`);
    show("said", `Unit ${picked.unit} at ${numbers.words[picked.word]}: cell state ${format(state.cell, 4)}, ` +
      `of which kept ${format(state.kept, 4)} and written ${format(state.written, 4)}; hidden state ${format(state.hidden, 4)}.`);
    for (const row of document.querySelectorAll("[data-row]")) {
      row.querySelectorAll("td").forEach((cell, word) => {
        cell.textContent = format(states[word][row.dataset.row], 4);
        cell.classList.toggle("on", word === picked.word);
      });
    }
  }

  function showBars() {
    for (const head of Object.keys(numbers.labels)) {
      const kinds = ["leftOut", "adds"].map((kind) => `${kind} ${head}`);
      // Both measures of a label have the same scale.
      const longest = Math.max(1e-9, ...kinds.flatMap((name) => numbers.bars[name][picked.word].map((value) => Math.abs(value || 0))));
      for (const place of document.querySelectorAll(`[data-longest="${head}"]`)) place.textContent = format(longest, 2);
      for (const name of kinds) {
        const values = numbers.bars[name][picked.word];
        document.querySelectorAll(`[data-bars="${name}"] .bar`).forEach((bar, word) => {
          const value = values[word], elsewhere = numbers.sentence[word] !== numbers.sentence[picked.word];
          bar.style.setProperty("--v", value === null || elsewhere ? 0 : value / longest);
          bar.className = "bar" + (value === null || elsewhere || Math.abs(value) < 0.005 ? " none" : value < 0 ? " minus" : "");
          bar.firstChild.textContent = value === null ? "–" : elsewhere ? "" : format(value, 2);
        });
      }
    }
    for (const place of document.querySelectorAll("[data-label]")) {
      place.textContent = numbers.labels[place.dataset.label][picked.word];
    }
  }

  const matches = (element, names) => names.every((name) => !(name in element.dataset) || Number(element.dataset[name]) === picked[name]);

  // Only the units that add most to the picked label, or all units in the order of the maps.
  const showsTop = () => numbers.top.length > 0 && picked.units === 0 && picked.layer === depth - 1;
  const allUnits = () => numbers.order[picked.member][picked.layer][picked.direction];
  const shownUnits = () => (showsTop() ? numbers.top[picked.head][picked.member][picked.direction][picked.word] : allUnits());

  function showUnits() {
    const units = shownUnits(), row = units.indexOf(picked.unit);
    root.style.setProperty("--u", row);
    root.style.setProperty("--shown", units.length);
    root.classList.toggle("no-row", row < 0);
    root.classList.toggle("top-units", showsTop());
    if (!showsTop()) return;
    for (const rows of document.querySelectorAll(".gates.on .top")) {
      [...rows.children].forEach((place, i) => {
        place.style.setProperty("--r", allUnits().indexOf(units[i]));
        place.firstChild.textContent = units[i];
      });
    }
  }

  function render() {
    root.style.setProperty("--k", picked.word);
    for (const panel of document.querySelectorAll("[data-word], [data-member], [data-head]")) {
      panel.classList.toggle("on", matches(panel, ["word", "member", "layer", "direction", "head"]));
    }
    for (const radio of document.querySelectorAll(".choice input")) radio.checked = Number(radio.value) === picked[radio.name];
    document.getElementById("unit").value = picked.unit;
    showUnits();
    showWork();
    showBars();
  }

  function pick(change) {
    for (const [name, value] of Object.entries(change)) {
      if (Number.isInteger(value)) picked[name] = Math.min(Math.max(value, 0), limits[name] - 1);
    }
    render();
  }

  // Bring the picked word into view wherever its column is scrolled out of it, without moving the page.
  function reveal() {
    for (const scroller of document.querySelectorAll(".scroller")) {
      const sheet = scroller.querySelector(".sheet");
      if (!sheet || !scroller.clientWidth) continue;
      const mark = sheet.querySelector(".pick");
      const label = sheet.querySelector(".name").offsetWidth;
      const place = mark.offsetLeft - label - scroller.scrollLeft, room = scroller.clientWidth - label;
      if (place < 0 || place + mark.offsetWidth > room) scroller.scrollLeft += place - (room - mark.offsetWidth) / 2;
    }
    const chip = document.querySelector(".picker input:checked").parentNode, strip = chip.parentNode;
    strip.scrollLeft = chip.offsetLeft - strip.offsetLeft - (strip.clientWidth - chip.offsetWidth) / 2;
  }

  document.getElementById("unit").max = nUnits - 1;
  document.addEventListener("change", ({ target }) => {
    if (target.closest(".choice")) pick({ [target.name]: Number(target.value) });
    else if (target.id === "unit") pick({ unit: parseInt(target.value, 10) });
    reveal();
  });

  document.addEventListener("click", (event) => {
    const columns = event.target.closest(".sheet .cols");
    if (!columns) return;
    const box = columns.getBoundingClientRect();
    const at = (position, size, n) => Math.min(n - 1, Math.max(0, Math.floor((position / size) * n)));
    const change = { word: at(event.clientX - box.left, box.width, nWords) };
    if (columns.closest(".heat")) {
      const map = columns.querySelector(".map").getBoundingClientRect();
      change.unit = shownUnits()[at(event.clientY - map.top, map.height, shownUnits().length)];
    }
    pick(change);
  });

  // Arrow keys move through the heat maps, and through the words in all other sheets.
  document.addEventListener("keydown", (event) => {
    const scroller = event.target.closest(".scroller");
    if (event.target !== scroller || !scroller.querySelector(".sheet")) return;
    const units = shownUnits(), row = units.indexOf(picked.unit);
    const moves = { ArrowLeft: { word: picked.word - 1 }, ArrowRight: { word: picked.word + 1 } };
    if (scroller.closest(".gates")) {
      moves.ArrowUp = { unit: units[Math.max(0, row - 1)] };
      moves.ArrowDown = { unit: units[Math.min(units.length - 1, row + 1)] };
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    pick(moves[event.key]);
    reveal();
  });

  render();
  reveal();
})();
