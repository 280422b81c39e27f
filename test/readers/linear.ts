/** A run that takes less time of the processor than this, in ms, says nothing about growth. */
const measurable = 4
/** Over three doublings linear work takes 8 times as long, quadratic work 64 times; three per doubling is allowed. */
const factor = 8
const most = 27
const attempts = 3

/** How the time of a reader grows. */
export interface Growth {
  /** Characters of the smaller input. */
  readonly size: number
  /** How many times as long eight times the input takes; 1 where even the largest input is read in no time. */
  readonly ratio: number
}

/**
 * Measures whether a reader needs more than linear time: the input grows until a run can be measured, and then once more
 * by eight. A bad ratio is measured again, since other work runs beside it.
 *
 * @param read reads an input of about so many characters
 * @param largest in characters
 */
export async function growth(
  make: (size: number) => string,
  read: (text: string) => unknown,
  largest: number,
): Promise<Growth> {
  let size = 2048
  let time = await warmTime(make(size), read)
  while (time < measurable && size * 4 <= largest) {
    size *= 4
    time = await warmTime(make(size), read)
  }
  if (time < measurable) return { size, ratio: 1 }
  let ratio = (await timeOf(make(size * factor), read)) / time
  for (let attempt = 0; attempt < attempts && ratio > most; attempt++) {
    const before = await shortest(make(size), read)
    ratio = Math.min(ratio, (await timeOf(make(size * factor), read)) / before)
  }
  return { size, ratio }
}

/** Whether a reader grows no faster than its input. */
export function isLinear({ ratio }: Growth): boolean {
  return ratio <= most
}

/** The first runs of a function are slow ones, and would hide growth. */
async function warmTime(text: string, read: (text: string) => unknown): Promise<number> {
  const first = await timeOf(text, read)
  return first < measurable ? first : Math.min(first, await shortest(text, read))
}

async function shortest(text: string, read: (text: string) => unknown): Promise<number> {
  return Math.min(await timeOf(text, read), await timeOf(text, read), await timeOf(text, read))
}

async function timeOf(text: string, read: (text: string) => unknown): Promise<number> {
  const start = process.cpuUsage()
  try {
    await read(text)
  } catch {
    // A refusal is an answer too
  }
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
