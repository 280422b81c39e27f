import type { OAuthMemory } from './oauth-memory.js'
import type { Outcome } from './person.js'

/** A client of an SDK that tried to connect, and how it takes the callback when it was refused. */
export interface Attempt<Connected> {
  connect(): Promise<Connected>
  finishAuth(callback: URL): Promise<void>
}

/**
 * Connects as an application with a person in front of it does: when the server wants a login, sends them there and
 * tries again with what they came back with. Without a redirect to follow, the first failure is the outcome.
 */
export async function connectWithLogin<Connected>(
  memory: OAuthMemory<unknown, unknown, unknown>,
  authorize: (url: URL) => Promise<Outcome>,
  attempt: () => Attempt<Connected>,
): Promise<{ connected: Connected; outcome: Outcome | undefined }> {
  const first = attempt()
  try {
    return { connected: await first.connect(), outcome: undefined }
  } catch (error) {
    if (!memory.authorizationUrl) throw error
  }
  const outcome = await authorize(memory.authorizationUrl)
  if (!memory.isMine(outcome.callback)) throw new Error(`${outcome.callback.href} is not the answer to our request`)
  await first.finishAuth(outcome.callback)
  return { connected: await attempt().connect(), outcome }
}
