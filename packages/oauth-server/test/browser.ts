import { execFileSync } from 'node:child_process'
import { type Browser, chromium } from 'playwright-core'

/** Starts Chromium. Where it is not installed, tests skip themselves by `hasBinary`. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
}
