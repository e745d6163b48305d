"use strict";

// Runs the model in this file with onnxruntime-web in this page. Nothing is sent anywhere.

const embedded = (id) => document.getElementById(id).textContent;

async function unpacked(id) {
  const packed = Uint8Array.from(atob(embedded(id)), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// The first bytes of JPEG and PNG: browsers also read formats that the command and the server do
// not, such as GIF and WebP.
const STARTS = ["255,216,255", "137,80,78"];

// The stored grey levels of an image: rows, columns, and 1 or 3 channels.
async function pixelsOf(file, limits) {
  if (file.size > limits.max_bytes) throw new Error("larger than this page accepts");
  let bitmap;
  try {
    const start = new Uint8Array(await file.slice(0, 3).arrayBuffer());
    if (!STARTS.includes(start.join())) throw new Error("another format");
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new Error(
      "damaged, or not a JPEG or PNG file, which this page reads; convert it to PNG",
    );
  }
  const { width, height } = bitmap;
  if (width * height > limits.max_pixels) {
    bitmap.close();
    throw new Error(`${width} x ${height} pixels, more than this page accepts`);
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", {
    willReadFrequently: true,
  });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(3 * width * height);
  let grey = true;
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const opacity = rgba[from + 3] / 255; // on a black background
    for (let channel = 0; channel < 3; channel += 1) {
      rgb[to + channel] = Math.round(rgba[from + channel] * opacity);
    }
    grey &&= rgb[to] === rgb[to + 1] && rgb[to] === rgb[to + 2];
  }
  const values = grey ? rgb.filter((_, number) => number % 3 === 0) : rgb;
  return { values, shape: [height, width, grey ? 1 : 3] };
}

// As the classifier refuses them; all black has no scale.
function refuseNearlyBlack(values, darkest) {
  const highest = values.reduce((most, value) => Math.max(most, value), 0);
  if (darkest !== null && highest > 0 && highest <= darkest) {
    throw new Error(
      `nearly black: its brightest pixel is ${highest} of 255, which is another kind of pixel ` +
        "than the training images have; convert files of more bits than they use to 8 bits",
    );
  }
}

// The result of the input gate, as from the server; null without a gate.
function gateOf(facts, scores) {
  if (facts === null) return null;
  // NaN does not pass.
  const failed = facts.reasons.filter((_, at) => !(scores.data[at] <= facts.thresholds[at]));
  return { passed: failed.length === 0, reason: failed.join(", ") };
}

const backend = {
  needsToken: false,
  stopped: false,
  facts: null,
  session: null,
  last: Promise.resolve(),

  async model() {
    this.facts = JSON.parse(embedded("facts-data"));
    const [program, binary, graph] = await Promise.all(
      ["runtime-data", "wasm-data", "model-data"].map(unpacked),
    );
    const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    const ort = await import(address);
    URL.revokeObjectURL(address);
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: binary });
    ort.env.logLevel = "error";
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
    this.session = await ort.InferenceSession.create(new Uint8Array(graph), options);
    this.Tensor = ort.Tensor;
    return this.facts;
  },

  predict(file) {
    // In turn, because a session computes one image at a time.
    const answer = this.last.then(() => this.answer(file));
    this.last = answer.catch(() => null);
    return answer;
  },

  async answer(file) {
    const { values, shape } = await pixelsOf(file, this.facts.limits);
    refuseNearlyBlack(values, this.facts.darkest);
    const image = new this.Tensor("uint8", values, shape);
    const said = await this.session.run({ image });
    const { classes, positive } = this.facts;
    const gate = gateOf(this.facts.gate, said.gate);
    const withheld = gate !== null && !gate.passed && this.facts.gate.withholds;
    const probability = classes.map((_, at) => (withheld ? null : said.probabilities.data[at]));
    const decided = Number(said.decision.data[0]);
    const decision = decided < 0 ? "refer" : classes[decided];
    return {
      probability: positive === null ? null : probability[classes.indexOf(positive)],
      probabilities: Object.fromEntries(classes.map((name, at) => [name, probability[at]])),
      label: withheld ? null : classes[Number(said.label.data[0])],
      decision: withheld ? null : decision,
      gate,
    };
  },
};
