// Imported before each of the pool's programs: when nobody reads what it prints any more (`… | head -3`), it ends without a stack trace.
/** 128 + SIGPIPE, as of a program that the signal itself has ended: nobody may take what was cut off for a good end. */
const CUT_OFF = 141;

let gone = false;
process.stdout.on("error", (error) => {
  // Whoever else listens ends in a way of its own.
  if (gone || process.stdout.listenerCount("error") > 1) return;
  if (error.code !== "EPIPE") throw error;
  gone = true;
  // One that has something to put in order does so as at SIGTERM.
  if (!process.emit("SIGTERM", "SIGTERM")) process.exit(CUT_OFF);
});
