import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Started {
  readonly child: ChildProcess
  /** Ends it with a signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts a program and waits until it prints that it is ready. It never outlives this process. */
export async function startProgram(
  file: string,
  parameters: string[],
  ready: RegExp,
  options: { uid?: number; gid?: number } = {},
): Promise<Started> {
  const child = spawn(file, parameters, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  exit.then(
    () => process.off('exit', kill),
    () => {},
  )
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => fail('did not start within 20 s'), 20_000)
    const fail = (reason: string) => {
      clearTimeout(timer)
      kill()
      reject(new Error(`${file} ${reason}:\n${output}`))
    }
    const read = (chunk: Buffer) => {
      output = (output + chunk).slice(-4000)
      if (!ready.test(output)) return
      clearTimeout(timer)
      resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with code ${code}`))
  })
  return {
    child,
    async end(signal) {
      child.kill(signal)
      await exit
    },
  }
}
