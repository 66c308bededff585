import { expect, it } from "vitest";
import { addressOf, clientOf, networkOf, parseClient, vouchedClient } from "../../../core/policy/client.ts";

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8::1", "2001:db8:0:0::/64"],
  ["2001:db8:0:0:ffff:1:2:3", "2001:db8:0:0::/64"],
  ["2001:0db8:0001:0002:0003:0004:0005:0006", "2001:db8:1:2::/64"],
  ["fe80::", "fe80:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"],
  ["not an address", "not an address"],
  ["2001:db8::/64", "2001:db8:0:0::/64"],
  ["1::2::3", "1::2::3"],
  ["1:2:3", "1:2:3"],
  ["12345::", "12345::"],
])("counts %s as %s", (ip, client) => {
  expect(clientOf(ip)).toBe(client);
});

it("is the same when it is read again: the lists may name either", () => {
  for (const ip of ["192.0.2.1", "2001:db8::1"]) expect(clientOf(clientOf(ip))).toBe(clientOf(ip));
});

it.each([
  ["192.0.2.7", "192.0.2.7"],
  ["2001:db8:0:1::/64", "2001:db8:0:1::/64"],
  ["2001:db8:0:1:2:3:4:5#rig 1", "2001:db8:0:1::/64#rig1"],
  ["198.51.100.0/24", null],
  ["2001:db8::/48", null],
  ["192.0.2.256", null],
  [`0x${"a".repeat(40)}`, null],
  ["rig-7", null],
  ["", null],
])("is named by an operator as %s: %s", (text, client) => {
  expect(parseClient(text)).toBe(client);
});

it("keeps the miners of a bridge apart and knows the bridge behind them", () => {
  const [one, two] = [vouchedClient("192.0.2.1", "10.0.0.5"), vouchedClient("192.0.2.1", "10.0.0.6")];
  expect(new Set([one, two, "192.0.2.1"]).size).toBe(3);
  expect(addressOf(one)).toBe("192.0.2.1");
  expect(vouchedClient("192.0.2.1", `a#b/${"x".repeat(100)}`)).toBe(`192.0.2.1#ab${"x".repeat(62)}`);
});

it("a client's network is the /24 of an IPv4 address and the /64 of an IPv6 one, also behind a bridge", () => {
  expect(["192.0.2.77", "192.0.2.77#rig", "2001:db8:0:1::/64", "unknown"].map(networkOf)).toEqual([
    "192.0.2.0/24",
    "192.0.2.0/24",
    "2001:db8:0:1::/64",
    "unknown",
  ]);
});
