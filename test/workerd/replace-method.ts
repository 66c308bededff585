import { onTestFinished } from "vitest";

/**
 * Another value for a method of a class until the test is over.
 * @param value undefined: a version of the class that never had the method
 */
export function replaceMethod(prototype: object, method: string, value: unknown): void {
  const had = Object.getOwnPropertyDescriptor(prototype, method);
  Object.defineProperty(prototype, method, { value, configurable: true, writable: true });
  onTestFinished(() => {
    if (had === undefined) Reflect.deleteProperty(prototype, method);
    else Object.defineProperty(prototype, method, had);
  });
}
