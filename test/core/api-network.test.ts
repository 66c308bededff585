import { describe, expect, it } from "vitest";
import { csv, isoTime } from "../../core/api/csv.ts";
import { bestNode, NetworkWatch } from "../../core/api/network.ts";

const node = (height: number, difficulty = "3000") => [{ name: "n", height: String(height), difficulty }];

describe("what is known of the network", () => {
  it("is what the highest node says, whatever the others say or leave out", () => {
    const nodes = [
      { height: "9", difficulty: "5" },
      { name: "silent" },
      { height: "10", difficulty: "90071992547409930" },
      { height: "x" },
    ];
    expect(bestNode(nodes)).toEqual({ height: 10, difficulty: 90071992547409930n });
    expect(bestNode([])).toEqual({ height: 0, difficulty: 0 });
  });

  it("has the block time of its chain at first, and then the one that was seen over twenty blocks", () => {
    const watch = new NetworkWatch("classic", null);
    expect(watch.figures(node(23_500_000), 0)).toEqual({
      height: 23_500_000,
      difficulty: 3000,
      blockTime: 13,
      hashrate: 231,
      reward: "2048000000000000000",
    });
    for (let i = 1; i < 20; i++) watch.figures(node(23_500_000 + i), i * 20_000);
    expect(watch.figures(node(23_500_019), 400_000).blockTime).toBe(13);
    expect(watch.figures(node(23_500_020), 400_000)).toMatchObject({ blockTime: 20, hashrate: 150 });
  });

  it("forgets what it saw of a chain that was set back, and what is older than an hour", () => {
    const watch = new NetworkWatch("devnet", null);
    watch.figures(node(100), 0);
    watch.figures(node(130), 60_000);
    expect(watch.figures(node(130), 61_000).blockTime).toBe(2);
    expect(watch.figures(node(5), 62_000)).toMatchObject({ blockTime: null, hashrate: null, reward: null });
    const slow = new NetworkWatch("devnet", null);
    slow.figures(node(1), 0);
    slow.figures(node(1000), 3_500_000);
    expect(slow.figures(node(1020), 3_700_000).blockTime).toBe(10);
  });

  it("does not begin anew when a reorganisation takes a few blocks back", () => {
    const watch = new NetworkWatch("devnet", null);
    watch.figures(node(100), 0);
    watch.figures(node(115), 30_000);
    watch.figures(node(114), 60_000);
    expect(watch.figures(node(120), 60_000)).toMatchObject({ height: 120, blockTime: 3 });
  });

  it("is nothing while no node has told anything", () => {
    expect(new NetworkWatch("classic", null).figures([], 0)).toMatchObject({ height: 0, hashrate: null, reward: null });
  });
});

describe("a table as CSV", () => {
  it("quotes what has to be, and gives a spreadsheet no formula to run", () => {
    expect(
      csv(
        ["a", "b"],
        [
          ['x"y', "1,2"],
          ["=1+1", null],
          ["-5", 5n],
          [true, undefined],
        ],
      ),
    ).toBe('a,b\r\n"x""y","1,2"\r\n\'=1+1,\r\n\'-5,5\r\ntrue,\r\n');
  });

  it("writes times in UTC, and what is no time as it stands", () => {
    expect(isoTime(1_700_000_000)).toBe("2023-11-14T22:13:20Z");
    expect(isoTime(10n ** 18n)).toBe("1000000000000000000");
  });
});
