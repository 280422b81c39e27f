import { getRequestListener } from '@hono/node-server'
import { install } from 'undici'

/** Something that puts classes of its own in the place of the platform's. */
export interface Replacement {
  readonly name: string
  readonly replace: () => void
}

/** What hosts do to a process after our packages were imported, each by the package that does it. */
export const replacements: readonly Replacement[] = [
  { name: '@hono/node-server', replace: () => void getRequestListener(() => new Response()) },
  { name: 'undici', replace: install },
]

const names = ['Response', 'Request', 'Headers', 'FormData', 'fetch', 'WebSocket', 'EventSource'] as const

/** Runs something with the platform's classes replaced, and puts them back. */
export async function withReplacement<T>({ replace }: Replacement, run: () => Promise<T>): Promise<T> {
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  const { Response: platform } = globalThis
  replace()
  try {
    if (globalThis.Response === platform) throw new Error('Nothing was replaced')
    return await run()
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, { ...descriptor, configurable: true })
    }
  }
}
