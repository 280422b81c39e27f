import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.mjs'
import { startProgram } from './server-process.js'

/** OPA's data API with OPA's own engine behind it. An evaluation takes up to a second. */
export interface Opa {
  readonly url: string
  end(): Promise<void>
}

/** @param policy the path of a Rego file */
export async function startOpa(policy: string): Promise<Opa> {
  const file = join(import.meta.dirname, '../fixtures/opa-server.mjs')
  const port = await freePort()
  const started = await startProgram(process.execPath, [file, policy, String(port)], /answers at/)
  return { url: `http://127.0.0.1:${port}`, end: () => started.end('SIGKILL') }
}
