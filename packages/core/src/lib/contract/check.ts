/** What a check says of a part that works, though not wholly: one of several replicas is away, old keys are in use. */
export interface Degraded {
  /** Why, for the operator's log. No client gets to see it. */
  readonly degraded: string
}

/**
 * Asks whether a part works: resolves to nothing when it does, to {@link Degraded} when it does in part, and rejects with
 * the reason when it does not. It is asked again and again, and must not need a restart to resolve again.
 */
export type Check = () => Promise<unknown>
