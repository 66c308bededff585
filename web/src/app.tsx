import { Route, Router, Switch } from "wouter-preact";
import { useHashLocation } from "wouter-preact/use-hash-location";
import { AccountPage } from "./pages/account.tsx";
import { BlockPage } from "./pages/block.tsx";
import { BlocksPage } from "./pages/blocks.tsx";
import { ConnectPage } from "./pages/connect.tsx";
import { MinersPage } from "./pages/miners.tsx";
import { NotFoundPage } from "./pages/not-found.tsx";
import { OperatorPage } from "./pages/operator.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { PaymentsPage } from "./pages/payments.tsx";
import { Footer, Header, HealthBanner } from "./ui/frame.tsx";

const ADDRESS = /^0x[0-9a-f]{40}$/i;
const HEIGHT = /^\d{1,15}$/;

/** The page as a whole. Paths are in the fragment, so that every address of the page is one static file. */
export function App() {
  return (
    <Router hook={useHashLocation}>
      <div class="flex min-h-screen flex-col">
        <a href="#main" class="btn btn-primary absolute top-2 -left-96 z-50 focus:left-2" onClick={skip}>
          Skip to content
        </a>
        <Header />
        <HealthBanner />
        <main id="main" tabindex={-1} class="mx-auto w-full flex-1 max-w-6xl px-4 py-6 outline-none">
          <Switch>
            <Route path="/" component={OverviewPage} />
            <Route path="/miners" component={MinersPage} />
            <Route path="/blocks" component={BlocksPage} />
            <Route path="/payments" component={PaymentsPage} />
            <Route path="/operator" component={OperatorPage} />
            <Route path="/connect" component={ConnectPage} />
            <Route path="/account/:login">
              {({ login }) =>
                ADDRESS.test(login) ? <AccountPage key={login} login={login.toLowerCase()} /> : <NotFoundPage />
              }
            </Route>
            <Route path="/block/:height/:hash">
              {({ height, hash }) =>
                HEIGHT.test(height) ? <BlockPage key={hash} height={Number(height)} hash={hash} /> : <NotFoundPage />
              }
            </Route>
            <Route component={NotFoundPage} />
          </Switch>
        </main>
        <Footer />
      </div>
    </Router>
  );
}

// The fragment belongs to the router, so the jump is done by hand.
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
