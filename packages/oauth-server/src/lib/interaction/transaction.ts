import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import { equal } from '../crypto/equal.js'
import type { LoginForm } from '../server/identity-provider.js'
import type { Server } from '../server/server.js'
import { doubleClick, newStepCookie, newStepId, readStepCookie } from '../session/step-cookie.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import { readRecord } from '../store/records.js'

/** An approved authorization request on its way through the login. What it asks for is kept here, never on a page. */
export interface Transaction {
  readonly request: AuthorizationRequest
  /** Hash of the cookie of the browser that approved. */
  readonly browser: string
  /** Whether it was answered, a moment ago. */
  readonly closed?: boolean
  /** The form to answer, if the login is one. */
  readonly form?: LoginForm
  /** What the identity provider wants back at its callback. */
  readonly memo?: string
}

/** A login that began: its handle goes into a URL, its cookie into the browser. */
export interface StartedLogin {
  readonly handle: string
  readonly cookie: string
  readonly browser: string
}

/** Makes the handle of a login, before its record can be written. */
export async function newLogin(server: Server): Promise<StartedLogin> {
  const handle = newStepId(server, 32)
  const { secret, cookie } = await newStepCookie(server, handle)
  return { handle, cookie, browser: await sha256(secret) }
}

/** Stores a login under its handle. */
export async function saveLogin(server: Server, handle: string, transaction: Transaction): Promise<void> {
  await server.storage.set(await server.keys('state', handle), JSON.stringify(transaction), {
    ttl: server.settings.lifetimes.login,
  })
}

/**
 * Reads a login for the browser that began it. A handle without its cookie, from another browser, used before or too
 * old, is refused and consumes nothing.
 *
 * @throws {Refusal} with status 403
 */
export async function readLogin(server: Server, request: Request, handle: string | undefined): Promise<Transaction> {
  const cookie = handle && (await readStepCookie(server, request, handle))
  const stored =
    handle && cookie ? await readRecord<Transaction>(server.storage, await server.keys('state', handle)) : undefined
  if (!stored || !cookie || !equal(await sha256(cookie), stored.value.browser)) {
    throw new Refusal(
      403,
      'access_denied',
      'This page was answered before, is too old, or was opened in another browser. Go back to your application and connect again.',
    )
  }
  return stored.value
}

/** Uses a login up: of several answers to it one goes on. */
export async function useLogin(server: Server, handle: string): Promise<void> {
  if (!(await server.storage.delete(await server.keys('state', handle)))) {
    throw new Refusal(
      403,
      'access_denied',
      'This page was answered before. Go back to your application and connect again.',
    )
  }
}

/**
 * Ends a login form a few seconds after its first answer: refusing the second of two clicks would leave the person at a dead
 * end. Both get the same code.
 */
export async function closeLogin(server: Server, handle: string, transaction: Transaction): Promise<void> {
  if (transaction.closed) return
  const value = JSON.stringify({ ...transaction, closed: true })
  await server.storage.set(await server.keys('state', handle), value, { ttl: doubleClick })
}
