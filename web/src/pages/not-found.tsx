import { Link } from "wouter-preact";
import { PageTitle } from "../ui/parts.tsx";

/** A fragment that names no page. */
export function NotFoundPage() {
  return (
    <>
      <PageTitle title="There is no such page" />
      <Link href="/" class="link link-primary">
        To the overview
      </Link>
    </>
  );
}
