// The network of the course, run by ONNX Runtime in this browser. Nothing is sent anywhere.

const VENDOR = new URL("../vendor/", import.meta.url).href;
const MODEL = new URL("../unet.onnx", import.meta.url).href;

/** Load runtime and network; WebGPU where there is one, else WebAssembly in one thread, which any host can serve. */
export async function loadNetwork() {
  const graphics = await navigator.gpu?.requestAdapter().catch(() => null);
  if (graphics && !graphics.info.isFallbackAdapter) {
    try {
      return await open("ort.webgpu.min.mjs", ["webgpu"]);
    } catch {
      // a driver that promises more than it holds: the processor will do
    }
  }
  return open("ort.wasm.min.mjs", ["wasm"]);
}

async function open(file, executionProviders) {
  const runtime = await import(VENDOR + file);
  runtime.env.wasm.wasmPaths = VENDOR;
  runtime.env.wasm.numThreads = 1;
  const session = await runtime.InferenceSession.create(MODEL, { executionProviders });
  const [, height, width] = session.inputMetadata[0].shape;

  /**
   * The probability of "car" for each pixel of a photo of the network's size.
   * @param {Float32Array} pixels as `shrink` returns them
   * @returns {Promise<Float32Array>} 0-1
   */
  async function predict(pixels) {
    const input = new runtime.Tensor("float32", pixels, [1, height, width, 3]);
    const answer = await session.run({ [session.inputNames[0]]: input });
    return answer[session.outputNames[0]].getData();
  }

  await predict(new Float32Array(width * height * 3)); // the first run is the slow one
  return { size: { width, height }, predict };
}
