import { createServer } from 'node:http'
import { createExample, type Example } from './example.js'
import { exitOnError } from './exit-on-error.js'
import { listen } from './listen.js'
import { run } from './run.js'
import { readSettings } from './settings.js'

let example: Example | undefined

function hosted(): Example {
  example ??= createExample(readSettings(process.env))
  return example
}

/** The gateway of this process, made at the first call: for a host that loads its routes, and listens, by itself. */
export function hostedGateway(): Example['gateway'] {
  return hosted().gateway
}

/** What a host calls before it listens: checks the settings and sets `PORT` to a port that is free now. */
export async function choosePort(): Promise<number> {
  return exitOnError(async () => {
    const probe = createServer()
    const port = await listen(probe, readSettings(process.env).port)
    await new Promise((resolve) => probe.close(resolve))
    process.env.PORT = String(port)
    return port
  })
}

/** What a host calls when it listens: says so, and stops the gateway and the process on Ctrl-C. */
export async function startHosted(): Promise<void> {
  await exitOnError(() => run(hosted()))
}
