/** How to ask a server whose era is not known. */
export interface OtherEra<First, Other> {
  /** Whether an answer, or an error, means that the server may be of the other era. */
  readonly refuses: (outcome: { readonly answer: First } | { readonly error: unknown }) => boolean
  /** Asks in the other era, in another process; `undefined` where the server is not of that one. */
  readonly ask: () => Promise<Other | undefined>
  /** Gets what comes too late of the first one. */
  readonly dropFirst?: (answer: First) => void
  /** Gets what comes too late of the other one. */
  readonly drop: (found: Other) => void
  /** How long the server may be silent before it is asked in the other era too, in ms; infinite where it never is. */
  readonly after: number
}

/**
 * Waits for the answer of a server that was asked in one era. Where it refuses, or is silent for long, it is asked in the
 * other one; what comes first counts, so that a slow start keeps its whole time. Without anything from the other era the
 * outcome is that of the first.
 */
export async function eitherEra<First, Other>(
  asked: Promise<First>,
  { refuses, ask, dropFirst, drop, after }: OtherEra<First, Other>,
): Promise<First | Other> {
  let sought: Promise<Other | undefined> | undefined
  const seek = () => {
    sought ??= ask()
    return sought
  }
  const late = async (): Promise<First | Other> => {
    const outcome = await asked.then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    )
    const other = refuses(outcome) ? await seek() : undefined
    if (other !== undefined) return other
    if ('error' in outcome) throw outcome.error
    return outcome.answer
  }
  let timer: NodeJS.Timeout | undefined
  const early = new Promise<Other>((resolve) => {
    const found = (other: Other | undefined) => other !== undefined && resolve(other)
    // A timer takes no more than 2^31 ms
    if (Number.isFinite(after)) timer = setTimeout(() => seek().then(found, () => undefined), after).unref()
  })
  let taken: First | Other | undefined
  try {
    taken = await Promise.race([late(), early])
    return taken
  } finally {
    clearTimeout(timer)
    const noop = () => undefined
    asked.then((answer) => answer !== taken && !refuses({ answer }) && dropFirst?.(answer), noop)
    sought?.then((other) => other !== undefined && other !== taken && drop(other), noop)
  }
}
