// The kernel's memory: everything small stands at a constant address in the first page, the light cache above it.
// Constant addresses are worth having: V8 drops the bounds checks of accesses below the module's initial memory size,
// which took 4 shares from 0.97 to 0.88 ms where checks are explicit, as they are in workerd.

/** Most shares in one call. */
export const MAX_SHARES: u32 = 32;

/** 200 bytes: state of the sponge for messages of any length. */
export const SPONGE: usize = 0x0400;
/** Where the host leaves message blocks for it. */
export const MESSAGE: usize = 0x0500;
export const MESSAGE_BYTES: usize = 0x0b00;

/** One slot of 128 bytes a share: header hash (32), nonce little-endian (8), from 64 on mix digest (32) and result (32). */
export const SHARES: usize = 0x1000;
export const SHARE_BYTES: usize = 128;
export const SHARE_NONCE: usize = 32;
export const SHARE_MIX_DIGEST: usize = 64;
export const SHARE_RESULT: usize = 96;

/** One slot of 64 bytes a share: s of the specification, Keccak-512 of header and nonce. */
export const SEEDS: usize = 0x2000;
/** One slot of 128 bytes a share: the mix. */
export const MIXES: usize = 0x2800;
/** Two slots of 64 bytes a share: the two dataset items of the page that it is reading. */
export const ITEMS: usize = 0x3800;

/** One word a chain: the dataset item that it builds. */
export const ITEM_INDEXES: usize = 0x4800;
/** One word a chain and step, four steps of 64 chains: byte offset of the cache row that the chain reads. */
export const ROWS: usize = 0x4900;
export const ROW_STRIDE: usize = 256;
/** Like ROWS: the part of each row's address that is known before the word of the chain is. */
export const STARTS: usize = 0x4e00;
/** Sixteen bytes a chain: the quarter of its item that gives the next four addresses. */
export const ACTIVE: usize = 0x5200;
/** 400 bytes each: the state of Keccak, or of two side by side, before rounds of even and of odd number. */
export const EVEN_STATE: usize = 0x5400;
export const ODD_STATE: usize = 0x5600;
/** 64 zero bytes, never written: the other operand of an exclusive or that is to change nothing. */
export const ZEROS: usize = 0x5800;
/** 8 bytes for values that only have to be stored, such as what touches read: V8 deletes loads whose value nobody uses where it checks bounds itself. */
export const TOUCHED: usize = 0x4d00;

/** Where the compiler puts constants; asc is told with --memoryBase. */
export const CONSTANTS: usize = 0x8000;

/** First byte of the light cache: the second page. Used as static offset of loads, which costs no instruction. */
export const CACHE: usize = 0x10000;
