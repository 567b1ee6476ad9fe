// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {LicenceKind, LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {Parts, Subscription, TimeOrder} from "../../contracts/interfaces/IStreams.sol";
import {Streams} from "../../contracts/market/Streams.sol";
import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title StreamsHandler: what can happen to streams, each in bounds, none of which may revert.
/// @dev The owner, the DAO and the issuer of the token do what they like in between.
contract StreamsHandler {
    uint256 private constant PEOPLE = 4;
    uint256 private constant ASSET = 2;
    address public constant TREASURY = address(0x7EA5);
    address public constant OWNER = address(0x0E4E);

    RegistryAuthority private immutable _authority = new RegistryAuthority(address(this));
    AssetRegistry public immutable registry = new AssetRegistry(
        address(_authority), new Directory(address(_authority)), new Lineage(), TREASURY, 250
    );
    Streams public immutable streams = new Streams(registry);
    BlockingToken public immutable token = new BlockingToken();

    uint256 public paidIn;
    uint256 public refunded;
    Parts private _settled;
    mapping(address account => uint256) public paidBy;

    constructor() {
        VM.warp(1_800_000_000);
        registry.setPaymentToken(address(token), true);
        registry.setSeller(address(streams), true);
        LicenceTerms[] memory none = new LicenceTerms[](0);
        registry.publish(
            address(this),
            Publication("parent", address(0), DerivativeTerms(true, 1000), new Parent[](0), 0, none)
        );
        LicenceTerms[] memory licences = new LicenceTerms[](1);
        licences[0] = LicenceTerms(12_500_000, 1, LicenceKind.Stream, 30 days, 0, 0, 1 days, address(streams));
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(address(registry), 1);
        registry.publish(
            OWNER, Publication("digest", address(0), DerivativeTerms(false, 0), parents, 1000, licences)
        );
        for (uint256 i = 0; i < PEOPLE; ++i) {
            token.mint(person(i), type(uint128).max);
            VM.prank(person(i));
            token.approve(address(streams), type(uint256).max);
        }
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    function person(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % PEOPLE));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function settled() external view returns (Parts memory) {
        return _settled;
    }

    function royaltyTo() public view returns (address receiver) {
        (receiver,) = registry.royaltyInfo(ASSET, 1e6);
    }

    function subscription(uint256 index) public view returns (Subscription memory) {
        return streams.subscriptionOf(ASSET, 0, person(index));
    }

    /* WHAT HAPPENS */

    function subscribe(uint8 who, uint32 time) external {
        if (subscription(who).active) return;
        uint32 stay = 1 days + time % 400 days;
        (, uint256 total) = streams.quote(ASSET, 0, stay);
        VM.prank(person(who));
        try streams.subscribe(TimeOrder(ASSET, 0, person(who), stay, total, "digest")) {
            _note(who, total);
        } catch {
            // Only what is new is ever stopped.
            (,, uint48 pausedUntil) = registry.salesRules();
            assert(_isStopped() || block.timestamp < pausedUntil || _isBlocked(person(who)));
        }
    }

    function extend(uint8 who, uint32 time) external {
        if (!subscription(who).active || _isBlocked(person(who))) return;
        uint32 more = 1 + time % 400 days;
        (, uint256 total) = streams.quoteExtension(ASSET, 0, person(who), more);
        VM.prank(person(who));
        streams.extend(TimeOrder(ASSET, 0, person(who), more, total, 0));
        _note(who, total);
    }

    function cancel(uint8 who) external {
        Subscription memory found = subscription(who);
        if (!found.active || block.timestamp >= found.stream.end) return;
        if (found.stream.start + found.terms.minimum >= found.stream.end) return;
        VM.prank(person(who));
        uint256 refund = streams.cancel(ASSET, 0);
        assert(refund == found.refund);
        refunded += refund;
        paidBy[person(who)] -= refund;
    }

    function settle(uint8 one, uint8 other) external {
        address[] memory accounts = new address[](2);
        (accounts[0], accounts[1]) = (person(one), person(other));
        Parts memory parts = streams.settle(ASSET, 0, accounts);
        _settled.fee += parts.fee;
        _settled.royalty += parts.royalty;
        _settled.payout += parts.payout;
    }

    function claim(uint8 who) external {
        address[3] memory payees = [TREASURY, OWNER, royaltyTo()];
        address payee = who % 4 == 3 ? person(who / 4) : payees[who % 4];
        if (streams.owedTo(address(token), payee) == 0 || _isBlocked(payee)) return;
        streams.claim(address(token), payee, payee);
    }

    function block_(uint8 who, bool blocked) external {
        address[3] memory payees = [TREASURY, OWNER, royaltyTo()];
        address account = who % 4 == 3 ? person(who / 4) : payees[who % 4];
        token.setBlocked(account, blocked);
    }

    function reprice(uint64 price, bool open) external {
        VM.prank(OWNER);
        registry.setPrice(ASSET, 0, price);
        VM.prank(OWNER);
        registry.setOpen(ASSET, 0, open);
    }

    function stop(bool delisted, bool selling, bool allowed, uint16 pause, uint16 fee) external {
        registry.setDelisted(ASSET, delisted);
        registry.setSeller(address(streams), selling);
        registry.setPaymentToken(address(token), allowed);
        registry.pauseSales(uint48(block.timestamp + pause));
        registry.setFee(fee % 501);
    }

    function goOn() external {
        registry.setDelisted(ASSET, false);
        registry.setSeller(address(streams), true);
        registry.setPaymentToken(address(token), true);
        registry.pauseSales(0);
        VM.prank(OWNER);
        registry.setOpen(ASSET, 0, true);
    }

    function wait(uint24 time) external {
        VM.warp(block.timestamp + time % 60 days);
    }

    function _note(uint8 who, uint256 total) private {
        paidIn += total;
        paidBy[person(who)] += total;
    }

    function _isStopped() private view returns (bool) {
        return registry.assetInfo(ASSET).delisted || !registry.isSeller(address(streams))
            || !registry.licenceOf(ASSET, 0).open || !registry.paymentTokens()[1].allowed;
    }

    function _isBlocked(address account) private returns (bool) {
        VM.prank(account);
        try token.transfer(account, 0) {
            return false;
        } catch {
            return true;
        }
    }
}

/// @title StreamsInvariants: what no order of sales, refunds and settlements can break.
contract StreamsInvariants {
    StreamsHandler private _handler;

    function setUp() external {
        _handler = new StreamsHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice What is here is what was paid and neither refunded nor settled, and what waits for payees; to the unit.
    function invariant_whatIsHereIsWhatIsOwed() external view {
        address token = address(_handler.token());
        Streams streams = _handler.streams();
        uint256 waiting = streams.owedTo(token, _handler.TREASURY()) + streams.owedTo(token, _handler.OWNER())
            + streams.owedTo(token, _handler.royaltyTo());
        for (uint256 i = 0; i < _handler.people(); ++i) {
            waiting += streams.owedTo(token, _handler.person(i));
        }
        Parts memory settled = _handler.settled();
        uint256 gone = _handler.refunded() + settled.fee + settled.royalty + settled.payout;
        assert(_handler.token().balanceOf(address(streams)) == _handler.paidIn() - gone + waiting);
    }

    /// @notice Whatever happens around, everybody can be paid: all refunds, all that was earned, all that waits.
    function invariant_everybodyCanBePaid() external {
        address token = address(_handler.token());
        Streams streams = _handler.streams();
        _handler.goOn();
        for (uint256 i = 0; i < _handler.people(); ++i) {
            _handler.token().setBlocked(_handler.person(i), false);
            if (_handler.subscription(i).refund == 0) continue;
            VM.prank(_handler.person(i));
            streams.cancel(2, 0);
        }
        VM.warp(block.timestamp + 2 days);
        address[] memory accounts = new address[](_handler.people());
        for (uint256 i = 0; i < accounts.length; ++i) {
            accounts[i] = _handler.person(i);
        }
        address[3] memory payees = [_handler.TREASURY(), _handler.OWNER(), _handler.royaltyTo()];
        for (uint256 i = 0; i < 3; ++i) {
            _handler.token().setBlocked(payees[i], false);
        }
        streams.settle(2, 0, accounts);
        for (uint256 i = 0; i < 3 + accounts.length; ++i) {
            address payee = i < 3 ? payees[i] : accounts[i - 3];
            if (streams.owedTo(token, payee) != 0) streams.claim(token, payee, payee);
        }
        assert(_handler.token().balanceOf(address(streams)) == 0);
    }

    /// @notice A subscriber has access while it is paid for, whatever became of the offer.
    function invariant_accessIsWhatIsPaidFor() external view {
        for (uint256 i = 0; i < _handler.people(); ++i) {
            Subscription memory found = _handler.subscription(i);
            bool has = _handler.registry().hasAccess(2, _handler.person(i));
            assert(has == found.active && has == (found.stream.end > block.timestamp));
            assert(found.earned <= found.paid && found.refund <= found.paid - found.earned);
        }
    }
}
