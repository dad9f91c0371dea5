// Does jobs in their order, a few at once.

const MAX_RUNNING = 2; // so that many photos do not crowd out other visitors

const waiting = [];
let numRunning = 0;

export function enqueue(job) {
  waiting.push(job);
  work();
}

/** Forget the jobs that have not begun. */
export function empty() {
  waiting.length = 0;
}

async function work() {
  if (numRunning >= MAX_RUNNING || !waiting.length) return;
  numRunning++;
  try {
    await waiting.shift()();
  } finally {
    numRunning--;
    work();
  }
}
