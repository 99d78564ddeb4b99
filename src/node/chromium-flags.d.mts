// Types of chromium-flags.mjs for its TypeScript callers.

export declare function chromiumFlags(): string[];
