import { randomToken, readCookie, sha256 } from '@mcp-gateway/core/internal'
import type { Server } from '../server/server.js'

/** How long an answered step can be answered again, in seconds: a double click sends two, and the browser follows the second. */
export const doubleClick = 5

/** A cookie that binds a page or a redirect to the browser that got it: one each, so that tabs do not disturb each other. */
export interface StepCookie {
  /** What the cookie holds. */
  readonly secret: string
  /** The line that sets it. */
  readonly cookie: string
}

/** Makes the cookie of a step, named after the step's id. */
export async function newStepCookie({ cookies, settings }: Server, id: string): Promise<StepCookie> {
  const secret = randomToken()
  return { secret, cookie: cookies.write(await suffix(id), secret, settings.lifetimes.login) }
}

/** Reads what the cookie of a step holds. */
export async function readStepCookie({ cookies }: Server, request: Request, id: string): Promise<string | undefined> {
  return readCookie(request, cookies.name(await suffix(id))) || undefined
}

/** Lets the cookie of an answered step end: the second of two clicks may follow the first one's answer. */
export async function endStepCookie(server: Server, request: Request, id: string): Promise<string> {
  return server.cookies.write(await suffix(id), (await readStepCookie(server, request, id)) ?? '', doubleClick)
}

async function suffix(id: string): Promise<string> {
  return (await sha256(id)).slice(0, 12)
}
