import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate for `localhost` that signs itself, made new in a folder. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** Both in one file, as HAProxy wants it. */
  readonly both: string
}

/** @throws Error where there is no `openssl` */
export function makeCertificate(folder: string): Certificate {
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), both: join(folder, 'tls.pem') }
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const subject = ['-subj', '/CN=localhost', '-addext', names, '-days', '2']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', files.key, '-out', files.certificate, ...subject], {
    stdio: 'ignore',
  })
  writeFileSync(files.both, readFileSync(files.certificate, 'utf8') + readFileSync(files.key, 'utf8'))
  return files
}
