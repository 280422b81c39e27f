/** What a guard looks at. */
export interface GuardedCall {
  /** Whether it goes to the server or comes from it. */
  readonly direction: 'arguments' | 'result'
  /** The MCP method; of an answer that of its request, and empty where that is not known. */
  readonly method: string
  /** The tool, prompt or resource. */
  readonly name?: string
}

/** What a guard found: the call is refused, the text is replaced, or it is only told. */
export type GuardFinding =
  | { readonly action: 'block'; readonly reason: string }
  | { readonly action: 'mask'; readonly reason: string; readonly text: string }
  | { readonly action: 'flag'; readonly reason: string }

/** Looks at arguments and results. One that throws or rejects blocks. */
export interface Guard {
  /** Told to the client where it blocks. */
  readonly name: string
  /** Looks at one text: any string in arguments, in content or in structured content. */
  text?(text: string, call: GuardedCall): GuardFinding | undefined | Promise<GuardFinding | undefined>
  /** Looks at the size of all, in bytes. */
  size?(bytes: number, call: GuardedCall): Exclude<GuardFinding, { action: 'mask' }> | undefined
}

/** What became of a finding. The text itself is not in it. */
export interface GuardEvent extends GuardedCall {
  readonly guard: string
  readonly action: GuardFinding['action']
  /** In words, for the operator. */
  readonly reason: string
}
