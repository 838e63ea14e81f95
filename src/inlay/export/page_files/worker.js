// The network, in a thread of its own, so that the page answers while it computes.
importScripts("ort.wasm.min.js");
ort.env.wasm.wasmPaths = "./";
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, 4) : 1;

const session = ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
session.then(() => postMessage({ ready: true }), (error) => postMessage({ error: String(error) }));

onmessage = async ({ data: { image, mask, width, height } }) => {
  try {
    const feeds = {
      image: new ort.Tensor("float32", image, [1, 3, height, width]),
      mask: new ort.Tensor("float32", mask, [1, 1, height, width]),
    };
    const { filled } = await (await session).run(feeds);
    postMessage({ filled: filled.data }, [filled.data.buffer]);
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
