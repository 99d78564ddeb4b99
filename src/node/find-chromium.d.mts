// Types of find-chromium.mjs for its TypeScript callers.

export declare const HOW_TO_GET_CHROMIUM: string;
export declare function findChromium(): string | undefined;
export declare function findSwiftShader(): string | undefined;
