// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockingToken} from "../../../contracts/mocks/BlockingToken.sol";
import {Ledger} from "../../../contracts/revenue/Ledger.sol";

/// @dev The one cheat code that is used; forge and halmos know it at this address.
interface Vm {
    function prank(address sender) external;
}

/// @title PlainLedger: a ledger that pays and parks as it is told.
contract PlainLedger is Ledger {
    /// @notice Let an amount wait.
    function park(address token, address payee, uint256 amount) external {
        _park(token, payee, amount);
    }

    /// @notice Pay, or let it wait.
    function payOrPark(address token, address payee, uint256 amount) external {
        if (!_push(token, payee, amount)) _park(token, payee, amount);
    }
}

/// @title LedgerProofs: what waits for a payee, whoever calls and wherever it is to go.
/// @dev Proven by halmos (`make prove`), fuzzed by forge.
contract LedgerProofs {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    PlainLedger private _ledger;
    BlockingToken private _token;

    function setUp() public {
        _ledger = new PlainLedger();
        _token = new BlockingToken();
    }

    /// @notice What is parked adds to what waits, for that token and payee and for no other.
    function testProve_parkingAddsToOneAndToNoOther(
        address[2] calldata tokens,
        address[2] calldata payees,
        uint128 before,
        uint128 amount
    ) external {
        _ledger.park(tokens[0], payees[0], before);
        _ledger.park(tokens[1], payees[1], amount);
        bool same = tokens[0] == tokens[1] && payees[0] == payees[1];
        assert(_ledger.owedTo(tokens[0], payees[0]) == uint256(before) + (same ? amount : 0));
    }

    /// @notice A claim sends what waits, or what is left of it, to the payee or where the payee says; else it does nothing.
    function testProve_aClaimSendsWhatWaitsOrNothing(
        address caller,
        address payee,
        address to,
        uint128 waits,
        uint128 here
    ) external {
        _put(payee, waits, here);
        VM.prank(caller);
        try _ledger.claim(address(_token), payee, to) returns (uint256 amount) {
            assert(caller == payee || to == payee);
            assert(to != address(0) && to != address(_ledger));
            assert(amount == (waits < here ? waits : here));
            assert(_token.balanceOf(to) == amount);
            assert(_token.balanceOf(address(_ledger)) == here - amount);
            assert(_ledger.owedTo(address(_token), payee) == waits - amount);
        } catch {
            assert(_token.balanceOf(address(_ledger)) == here);
            assert(_ledger.owedTo(address(_token), payee) == waits);
        }
    }

    /// @notice Whoever may, can: what waits and is there comes out.
    function testProve_whatIsThereComesOut(address caller, address payee, address to, uint128 waits)
        external
    {
        if (waits == 0 || to == address(0) || to == address(_ledger)) return;
        if (caller != payee && to != payee) return;
        _put(payee, waits, waits);
        VM.prank(caller);
        assert(_ledger.claim(address(_token), payee, to) == waits);
    }

    /// @notice What waits for one is not touched by what another claims.
    function testProve_aClaimLeavesOthersAlone(
        address caller,
        address payee,
        address to,
        address other,
        uint128 waits,
        uint128 others
    ) external {
        if (other == payee) return;
        _put(payee, waits, uint256(waits) + others);
        _ledger.park(address(_token), other, others);
        VM.prank(caller);
        try _ledger.claim(address(_token), payee, to) {} catch {}
        assert(_ledger.owedTo(address(_token), other) == others);
        assert(_token.balanceOf(address(_ledger)) >= others);
    }

    /// @notice A payment arrives or waits, whole, and never both.
    function testProve_aPaymentArrivesOrWaits(address payee, uint128 amount, uint128 here, bool blocked)
        external
    {
        if (payee == address(0) || payee == address(_ledger)) return;
        _put(payee, 0, here);
        _token.setBlocked(payee, blocked);
        try _ledger.payOrPark(address(_token), payee, amount) {}
        catch {
            return;
        }
        uint256 arrived = _token.balanceOf(payee);
        assert(arrived == (blocked || amount > here ? 0 : amount));
        assert(arrived + _ledger.owedTo(address(_token), payee) == amount);
    }

    /// @notice A token that shrinks balances may have left less.
    function refute_aClaimIsAlwaysWhole(address payee, uint128 waits, uint128 here) external {
        _put(payee, waits, here);
        try _ledger.claim(address(_token), payee, payee) returns (uint256 amount) {
            assert(amount == waits);
        } catch {}
    }

    function refute_anybodyMayClaim(address caller, address payee, address to, uint128 waits) external {
        if (waits == 0 || to == address(0) || to == address(_ledger)) return;
        _put(payee, waits, waits);
        VM.prank(caller);
        try _ledger.claim(address(_token), payee, to) {}
        catch {
            assert(false);
        }
    }

    function _put(address payee, uint256 waits, uint256 here) private {
        _token.mint(address(_ledger), here);
        if (waits != 0) _ledger.park(address(_token), payee, waits);
    }
}
