import { parseSpan } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { newestModern, newestShared } from '../../protocol/revisions.js'
import type { EraAnswer } from '../era-server.js'
import { membersOf } from '../members-of.js'

/** Which revision is spoken with a modern server: the newest one, until it says that it speaks others (MCP M7). */
export class Negotiated {
  #version: string = newestModern

  /** What is spoken now. */
  get version(): string {
    return this.#version
  }

  /**
   * Asks in the revision that is spoken; once more, where the server refuses that and has another one in common with us.
   */
  async ask(send: (version: string) => Promise<EraAnswer>): Promise<EraAnswer> {
    const asked = this.#version
    const answer = await send(asked)
    const shared = sharedRevision(answer)
    if (shared === undefined || shared === asked) return answer
    this.#version = shared
    return send(shared)
  }
}

/** The newest revision that we have in common with a server that refused another one; `undefined` where it did not. */
function sharedRevision(answer: EraAnswer): string | undefined {
  if (!('error' in answer) || answer.code !== errorCodes.unsupportedVersion) return undefined
  const { error } = answer
  const data = parseSpan(error, membersOf(error, ['data']).data) as { supported?: unknown } | null | undefined
  return newestShared(data?.supported)
}
