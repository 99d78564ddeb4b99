// The angles of rotary position embedding, which the engine computes with and an ONNX file holds a table of.
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.2.2.

/** Radians per position of the pairs of a head, [headSize/2]: theta^(-2i/headSize). */
export const rotaryFrequencies = (headSize: number, theta: number): Float64Array =>
  Float64Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));
