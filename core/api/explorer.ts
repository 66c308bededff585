/** Where a chain's blocks, transactions and accounts can be looked at: URLs in which `{}` stands for the number or hash. */
export interface Explorer {
  readonly block: string;
  readonly transaction: string;
  readonly address: string;
}

const explorer = (base: string): Explorer => ({
  block: `${base}/block/{}`,
  transaction: `${base}/tx/{}`,
  address: `${base}/address/{}`,
});

const EXPLORERS: Readonly<Record<string, Explorer>> = {
  classic: explorer("https://etc.blockscout.com"),
  mordor: explorer("https://etc-mordor.blockscout.com"),
  ethereum: explorer("https://etherscan.io"),
  "ethereum-pow": explorer("https://www.oklink.com/ethw"),
};

/** The explorer that is linked to when nothing is set; null for a chain that is not known. @param chain its name */
export function explorerOf(chain: string): Explorer | null {
  return Object.hasOwn(EXPLORERS, chain) ? (EXPLORERS[chain] ?? null) : null;
}
