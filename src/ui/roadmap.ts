// What the page says about the state of the project, as data: the steps of a training run in their order, and which of
// them are here. Keep it true; whoever finishes a step moves its state.

export interface Step {
  readonly title: string;
  readonly text: string;
  readonly state: "here" | "next" | "later";
  readonly command?: string;
}

export const STEPS: readonly Step[] = [
  {
    title: "Policy engine",
    text: "Decoder forward and backward, LoRA, AdamW and sampling in hand-written WGSL, held against Hugging Face's numbers.",
    state: "here",
    command: "npm run gradus -- verify <folder>",
  },
  {
    title: "Benchmarks",
    text: "Tokens a second and memory of the same engine, headless in Node.",
    state: "here",
    command: "npm run bench",
  },
  {
    title: "Training by reward",
    text: "Problems in, groups of responses, rewards, advantages, and the policy losses of the GRPO family.",
    state: "next",
  },
  {
    title: "This page",
    text: "Drop a model and a problem file, press Train, watch held-out accuracy, pause and resume.",
    state: "later",
  },
  {
    title: "Taking it home",
    text: "The trained weights as adapter, safetensors or ONNX, and the run as a verl configuration.",
    state: "later",
  },
];
