import { describe, expect, it } from "vitest";
import { addressProblem, checksummed } from "../../web/src/data/address.ts";

// The vectors of EIP-55.
const VECTORS = [
  "0x52908400098527886E0F7030069857D2E4169EE7",
  "0xde709f2102306220921060314715629080e2fb77",
  "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
  "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
  "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
  "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
];

describe("an address on the page", () => {
  it.each(VECTORS)("has the capitals of EIP-55: %s", (address) => {
    expect(checksummed(address.toLowerCase())).toBe(address);
    expect(addressProblem(address)).toBeNull();
    expect(addressProblem(address.toLowerCase())).toBeNull();
  });

  it.each([
    ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "one digit or more is mistyped"],
    ["0x12", "40 digits after 0x; this has 2"],
    ["5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "begins with 0x"],
    ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "of the digits 0 to 9 and a to f"],
    [`0x${"0".repeat(40)}`, "belongs to nobody"],
  ])("is refused with its reason: %s", (text, reason) => {
    expect(addressProblem(text)).toContain(reason);
  });
});
