/**
 * All that core uses of a runtime beyond the language (`tsconfig.core.json` brings the language only). These are pure, and the same in
 * workerd, Node and browsers: no input or output, no time, no randomness. Whatever else core needs is an argument.
 */

/** WHATWG Encoding. UTF-8 only. */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

/** WHATWG Encoding. */
declare class TextDecoder {
  constructor(encoding?: "utf-8", options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { readonly stream?: boolean }): string;
}

/** WHATWG URL. */
declare class URL {
  static canParse(text: string): boolean;
  constructor(text: string);
  readonly href: string;
  readonly hostname: string;
  username: string;
  password: string;
}

/** Base64 of a string whose code units are bytes. */
declare function btoa(binary: string): string;

/** Runs `work` before anything else that waits: no time passes. */
declare function queueMicrotask(work: () => void): void;
