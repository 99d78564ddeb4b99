// Text of the demo task as token ids: prompts through the chat template, responses with the token that ends them. The same
// tokenizer and template that the page opens, so that training and use cannot drift apart.

import type { ChatTemplate } from "../../formats/chat-template.ts";
import { chatTemplateOf } from "../../formats/chat-template.ts";
import { bytesSource } from "../../formats/safetensors.ts";
import type { Tokenizer } from "../../formats/tokenizer.ts";
import { openTokenizer } from "../../formats/tokenizer.ts";
import { SeededRandom } from "../../common/random.ts";
import type { SftExample } from "../../rl/sft.ts";
import { drawProblemOf, drawStyle, responseOf } from "./problems.ts";
import { BATCH, STAGES } from "./recipe.ts";
import type { TokenizerFiles } from "./tokenizer.ts";

const END = "<|im_end|>";

/** Turns problems into token ids. */
export class DemoEncoder {
  readonly tokenizer: Tokenizer;
  readonly #template: ChatTemplate;

  constructor(tokenizer: Tokenizer, template: ChatTemplate) {
    this.tokenizer = tokenizer;
    this.#template = template;
  }

  /** Opens what `trainTokenizer` made. */
  static async open({ tokenizer, config }: TokenizerFiles): Promise<DemoEncoder> {
    const bytes = new TextEncoder().encode(JSON.stringify(tokenizer));
    return new DemoEncoder(
      await openTokenizer(bytesSource("tokenizer.json", bytes), config),
      chatTemplateOf(config),
    );
  }

  prompt(question: string): number[] {
    const messages = [{ role: "user", content: question }];
    return this.tokenizer.encode(this.#template.render(messages, { addGenerationPrompt: true }));
  }

  response(text: string): number[] {
    return this.tokenizer.encode(text + END);
  }

  /** Id of the one token that `text` is. */
  idOf(text: string): number {
    return this.tokenizer.idOf(text)!;
  }
}

/** The examples of a step, the first being 1: they depend on seed, stage and step alone, so a resumed run draws the same. */
export function stepExamples(encoder: DemoEncoder, seed: number, stage: number, step: number): SftExample[] {
  const random = new SeededRandom(seed, stage * 2 ** 20 + step);
  const { shares } = STAGES[stage]!;
  return Array.from({ length: BATCH }, () => {
    const problem = drawProblemOf(random, "train");
    const response = responseOf(problem, drawStyle(random, shares));
    return { prompt: encoder.prompt(problem.question), response: encoder.response(response) };
  });
}
