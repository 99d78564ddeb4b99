// What an error says, whoever threw it, and whether it was said for a person.

import { GpuError, UserError } from "./errors.ts";

/** Whether the message is a sentence for a person; any other error is a fault of the code. */
export const isForPerson = (error: unknown): error is UserError | GpuError =>
  error instanceof UserError || error instanceof GpuError;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The same to stand inside a sentence of ours. */
export const wordsOf = (error: unknown): string => messageOf(error).replace(/\.$/, "");
